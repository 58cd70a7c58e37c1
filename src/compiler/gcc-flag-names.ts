import { words } from './option-table.ts';

/**
 * `-f` names only gcc knows (up to gcc 15) that do nothing but decide bytes or diagnostics. What a compiler does not know
 * it rejects, and a failed compile is never stored: a name of a newer gcc does no harm with an older one.
 */
export const GCC_FLAG_NAMES = words(`
  abi-version aggressive-loop-optimizations align-loops aligned-new aligned-new= allocation-dce
  allow-leading-underscore allow-parameterless-variadic-functions allow-store-data-races analyzer
  analyzer-assume-nothrow analyzer-call-summaries analyzer-checker= analyzer-feasibility analyzer-fine-grained
  analyzer-show-duplicate-count analyzer-state-merge analyzer-state-purge analyzer-suppress-followups
  analyzer-transitivity analyzer-undo-inlining analyzer-verbose-edges analyzer-verbose-state-changes
  analyzer-verbosity= argument-alias argument-noalias argument-noalias-anything argument-noalias-global
  asan-shadow-offset= assume-sane-operators-new-delete auto-inc-dec avoid-store-forwarding bit-tests
  branch-target-load-optimize branch-target-load-optimize2 call-used- check-data-deps
  check-new checking checking= code-hoisting combine-stack-adjustments compare-elim concepts
  concepts-diagnostics-depth= concepts-ts condition-coverage constexpr-cache-depth= constexpr-fp-except
  constexpr-loop-limit= constexpr-ops-limit= contract-assumption-mode= contract-build-level=
  contract-continuation-mode= contract-mode= contract-role= contract-semantic= contract-strict-declarations=
  contracts contracts-nonattr cprop-registers cse-follow-jumps cse-skip-blocks dce declone-ctor-dtor
  deduce-init-list default-inline delayed-branch delete-dead-exceptions devirtualize-at-ltrans
  diagnostics-all-candidates diagnostics-column-origin= diagnostics-column-unit= diagnostics-escape-format=
  diagnostics-generate-patch diagnostics-minimum-margin-width= diagnostics-path-format= diagnostics-plain-output
  diagnostics-show-caret diagnostics-show-context diagnostics-show-context= diagnostics-show-cwe
  diagnostics-show-event-links diagnostics-show-highlight-colors diagnostics-show-labels diagnostics-show-location=
  diagnostics-show-nesting diagnostics-show-nesting-levels diagnostics-show-nesting-locations
  diagnostics-show-path-depths diagnostics-text-art-charset= dse dwarf2-cfi-asm eliminate-dwarf2-dups
  emit-class-debug-always emit-struct-debug-baseonly emit-struct-debug-detailed= emit-struct-debug-reduced
  enforce-eh-specs ext-numeric-literals extended-identifiers extern-tls-init fold-mem-offsets fold-simple-inlines
  force-addr forward-propagate fp-int-builtin-inexact function-cse gcse-las gcse-lm gcse-sm gnu-tm
  hardcfr-check-exceptions hardcfr-check-noreturn-calls= hardcfr-check-returning-calls hardcfr-skip-leaf
  harden-compares harden-conditional-branches harden-control-flow-redundancy hardened hoist-adjacent-loads
  if-conversion if-conversion2 implicit-constexpr implicit-inline-templates indirect-inlining inhibit-size-directive
  inline-atomics inline-stringops inline-stringops= instrument-functions-exclude-file-list=
  instrument-functions-exclude-function-list= ipa-bit-cp ipa-cp-alignment ipa-cp-clone ipa-icf ipa-icf-functions
  ipa-icf-variables ipa-matrix-reorg ipa-modref ipa-profile ipa-pta ipa-pure-const ipa-ra ipa-reference
  ipa-reference-addressable ipa-reorder-for-locality ipa-stack-alignment ipa-strict-aliasing ipa-struct-reorg
  ipa-vrp ira-algorithm= ira-hoist-pressure ira-loop-pressure ira-region= ira-share-save-slots ira-share-spill-slots
  isolate-erroneous-paths-attribute isolate-erroneous-paths-dereference keep-gc-roots-live keep-static-functions
  large-source-files late-combine-instructions lifetime-dse lifetime-dse= limit-function-alignment live-patching
  live-patching= live-range-shrinkage loop-block loop-flatten loop-optimize loop-parallelize-all loop-strip-mine
  loop-unroll-and-jam lra-remat malloc-dce malloc-dce= max-include-depth= merge-debug-strings
  min-function-alignment= modulo-sched modulo-sched-allow-regmoves move-loop-invariants move-loop-stores multiflags
  new-inheriting-ctors new-ttp-matching nonansi-builtins nonnull-objects nothrow-opt openacc-dim=
  optimize-register-move optimize-strlen pch-deps peephole peephole2 permitted-flt-eval-methods= plan9-extensions
  predictive-commoning pretty-templates printf-return-value profile-abs-path profile-info-section
  profile-info-section= profile-partial-training profile-prefix-map= profile-prefix-path= profile-reorder-functions
  profile-reproducible= range-for-ext-temps ree regmove reorder-blocks-algorithm= reorder-blocks-and-partition
  rerun-cse-after-loop rerun-loop-opt reschedule-modulo-scheduled-loops sched-critical-path-heuristic
  sched-dep-count-heuristic sched-group-heuristic sched-last-insn-heuristic sched-pressure sched-rank-heuristic
  sched-spec sched-spec-insn-heuristic sched-spec-load sched-spec-load-dangerous sched-stalled-insns
  sched-stalled-insns-dep sched-stalled-insns-dep= sched-stalled-insns= sched2-use-superblocks sched2-use-traces
  schedule-fusion sel-sched-pipelining sel-sched-pipelining-outer-loops sel-sched-reschedule-pipelined
  selective-scheduling selective-scheduling2 shrink-wrap shrink-wrap-separate simd-cost-model= split-ivs
  split-ivs-in-unroller split-loops split-paths split-wide-types split-wide-types-early ssa-backprop ssa-phiopt
  sso-struct= stack-limit stack-limit-register= stack-limit-symbol= stack-reuse= stdarg-opt store-merging
  strict-flex-arrays strict-prototype strict-volatile-bitfields strong-eval-order strong-eval-order= strub=
  sync-libcalls thread-jumps toplevel-reorder track-macro-expansion track-macro-expansion= trampolines tree-bit-ccp
  tree-builtin-call-dce tree-ccp tree-ch tree-coalesce-inlined-vars tree-coalesce-vars tree-copyrename tree-cselim
  tree-dominator-opts tree-dse tree-forwprop tree-fre tree-loop-distribute-patterns tree-loop-distribution
  tree-loop-if-convert tree-loop-ivcanon tree-loop-linear tree-loop-vectorize tree-lrs tree-parallelize-loops=
  tree-partial-pre tree-phiprop tree-pta tree-reassoc tree-salias tree-scev-cprop tree-sink tree-slsr tree-store-ccp
  tree-store-copy-prop tree-switch-conversion tree-tail-merge tree-vect-loop-version unconstrained-commons
  unreachable-traps unroll-completely-grow-size use-cxa-get-exception-ptr var-tracking-assignments-toggle
  var-tracking-uninit variable-expansion-in-unroller vect-cost-model= version-loops-for-strides vpt weak
  wide-exec-charset= zero-init-padding-bits=
`);
