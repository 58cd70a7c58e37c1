import { words } from './option-table.ts';

/** `-f` names only clang knows (up to clang 20) that do nothing but decide bytes or diagnostics. */
export const CLANG_FLAG_NAMES = words(`
  aapcs-bitfield-load aapcs-bitfield-width addrsig aligned-allocation allow-editor-placeholders altivec apple-kext
  apple-pragma-pack application-extension approx-func asm-blocks assume-sane-operator-new assume-unique-vtables
  assumptions async-exceptions auto-import autolink binutils-version= blocks borland-extensions bracket-depth=
  c++-abi= c++-static-destructors caret-diagnostics cf-branch-label-scheme= clang-abi-compat=
  complete-member-pointers complex-arithmetic= constant-cfstrings constant-string-class= constexpr-backtrace-limit=
  constexpr-steps= convergent-functions coro-aligned-allocation coroutines-ts coverage-compilation-dir=
  coverage-mcdc coverage-prefix-map= cxx-exceptions debug-compilation-dir= debug-default-version=
  debug-info-for-profiling debug-macro debug-ranges-base-address declspec define-target-os-macros
  delayed-template-parsing denormal-fp-math= diagnostics-absolute-paths diagnostics-fixit-info
  diagnostics-print-source-range-info diagnostics-show-category= diagnostics-show-note-include-stack digraphs
  direct-access-external-data discard-value-names double-square-bracket-attributes dwarf-directory-asm
  dwarf-exceptions emit-all-decls emulated-tls enable-matrix error-limit= escaping-block-tail-calls
  experimental-library experimental-new-pass-manager experimental-relative-c++-abi-vtables
  experimental-sanitize-metadata= experimental-strict-floating-point extend-lifetimes extend-variable-liveness
  file-compilation-dir= fine-grained-bitfield-accesses fixed-point force-dwarf-frame force-emit-vtables
  force-enable-int128 fp-exception-behavior= fp-model= fuchsia-api-level= global-isel gnu-inline-asm gnuc-version=
  honor-infinities honor-nans ignore-exceptions inline-hint-functions instrument-function-entry-bare
  instrument-functions-after-inlining integrated-cc1 jmc keep-persistent-storage-variables keep-system-includes
  lax-vector-conversions= legacy-pass-manager limited-precision= macro-backtrace-limit= max-tokens= max-type-align
  max-type-align= ms-define-stdc ms-hotpatch ms-kernel ms-memptr-rep=
  ms-tls-guards ms-volatile msc-version= new-alignment= new-infallible openmp-extensions openmp-use-tls
  openmp-version= operator-arrow-depth= parse-all-comments pascal-strings pch-codegen pch-debuginfo
  pch-instantiate-templates pointer-tbaa preserve-as-comments protect-parens pseudo-probe-for-profiling
  ptrauth-calls ptrauth-intrinsics ptrauth-returns randomize-layout-seed= raw-string-literals
  register-global-dtors-with-atexit relaxed-template-template-args reroll-loops retain-comments-from-system-headers
  ropi rtti-data rwpi safe-buffer-usage-suggestions seh-exceptions show-overloads= show-source-location
  signaling-math sjlj-exceptions slp-vectorize spec-constr-count= spell-checking spell-checking-limit=
  split-dwarf-inlining split-lto-unit split-machine-functions stack-size-section standalone-debug
  strict-float-cast-overflow strict-return strict-vtable-pointers struct-path-tbaa swift-async-fp= symbol-partition=
  temp-file trap-function= trapv-handler= trigraphs trivial-auto-var-init-stop-after= unified-lto
  unique-basic-block-section-names unique-internal-linkage-names unique-section-names use-init-array
  use-line-directives veclib= vectorize virtual-function-elimination visibility-dllexport=
  visibility-externs-dllimport= visibility-externs-nodllstorageclass= visibility-from-dllstorageclass
  visibility-global-new-delete-hidden visibility-global-new-delete= visibility-inlines-hidden-static-local-var
  visibility-nodllstorageclass= wasm-exceptions whole-program-vtables writable-strings xl-pragma-pack
  xray-always-emit-customevents xray-always-emit-typedevents xray-function-groups= xray-function-index
  xray-ignore-loops xray-instruction-threshold xray-instruction-threshold= xray-instrument
  xray-instrumentation-bundle= xray-link-deps xray-modes= xray-selected-function-group= xray-shared zvector
`);
