import { words } from './option-table.ts';

/**
 * `-f` names that gcc and clang both know and that do nothing but decide the bytes of the result or the diagnostics. A name
 * that reads or writes a file, reports times, or changes what the driver does is not here but a row of its own.
 */
export const SHARED_FLAG_NAMES = words(`
  PIC PIE abi-version= access-control align-functions align-functions= align-jumps align-jumps= align-labels
  align-labels= align-loops= asm associative-math asynchronous-unwind-tables branch-count-reg builtin builtin-
  call-saved- caller-saves cf-protection cf-protection= char8_t common conserve-stack constexpr-depth= coroutines
  crossjumping cx-fortran-rules cx-limited-range data-sections debug-prefix-map= debug-types-section defer-pop
  delete-null-pointer-checks devirtualize devirtualize-speculatively diagnostics-parseable-fixits
  diagnostics-show-line-numbers diagnostics-show-option diagnostics-show-template-tree dollars-in-identifiers
  early-inlining elide-constructors elide-type eliminate-unused-debug-symbols eliminate-unused-debug-types
  exceptions excess-precision= exec-charset= expensive-optimizations fast-math fat-lto-objects file-prefix-map=
  finite-loops finite-math-only fixed- float-store for-scope fp-contract= freestanding friend-injection
  function-sections gcse gcse-after-reload gnu-keywords gnu-unique gnu89-inline graphite graphite-identity
  guess-branch-probability hosted ident implement-inlines implicit-templates inline inline-functions
  inline-functions-called-once inline-limit- inline-limit= inline-small-functions instrument-functions ipa-cp
  ipa-sra ivopts jump-tables keep-inline-functions keep-static-consts lax-vector-conversions leading-underscore
  loop-interchange loop-nest-optimize macro-prefix-map= math-errno max-errors= merge-all-constants merge-constants
  message-length= ms-extensions non-call-exceptions omit-frame-pointer openacc operator-names optimize-sibling-calls
  pack-struct pack-struct= partial-inlining patchable-function-entry= pcc-struct-return peel-loops permissive pic
  pie plt prefetch-loop-arrays profile-correction profile-exclude-files= profile-filter-files=
  profile-update= profile-values reciprocal-math reg-struct-return rename-registers reorder-blocks reorder-functions
  rounding-math rtti sched-interblock schedule-insns schedule-insns2 section-anchors semantic-interposition
  short-enums short-wchar show-column signaling-nans signed-bitfields signed-char signed-zeros
  single-precision-constant sized-deallocation split-stack stack-check stack-check= stack-clash-protection
  stack-protector stack-protector-all stack-protector-explicit stack-protector-strong strength-reduce
  strict-aliasing strict-enums strict-flex-arrays= strict-overflow tabstop= template-backtrace-limit=
  template-depth- template-depth= threadsafe-statics tls-model= tracer trapping-math trapv tree-copy-prop tree-dce
  tree-loop-im tree-loop-optimize tree-pre tree-slp-vectorize tree-sra tree-ter tree-vectorize tree-vrp
  trivial-auto-var-init= unit-at-a-time unroll-all-loops unroll-loops unsafe-loop-optimizations
  unsafe-math-optimizations unsigned-bitfields unsigned-char unswitch-loops unwind-tables use-cxa-atexit
  use-linker-plugin var-tracking var-tracking-assignments vect-cost-model visibility-inlines-hidden
  visibility-ms-compat visibility= web whole-program working-directory wrapv wrapv-pointer zero-call-used-regs=
  zero-initialized-in-bss
`);
