import { words } from './option-table.ts';

/**
 * Options handed through to the assembler, the preprocessor, clang's own frontend (-Xclang) and LLVM (-mllvm). Of
 * these, only what is known to touch no file and to say nothing on stdout is taken; the rest is refused by name.
 */

const ASSEMBLER_FLAGS = new Set(
  words(`
  --32 --64 --divide --elf-stt-common=no --elf-stt-common=yes --execstack --fatal-warnings --gdwarf-2 --gdwarf-3
  --gdwarf-4 --gdwarf-5 --gdwarf-sections --gen-debug --generate-missing-build-notes=no
  --generate-missing-build-notes=yes --gstabs --gstabs+ --keep-locals --no-pad-sections --no-warn --nocompress-debug-sections
  --noexecstack --pad-sections --reduce-memory-overheads --sectname-subst --size-check=error --size-check=warning
  --strip-local-absolute --traditional-format --warn --x32 -EB -EL -L -R -W -g -k -mbig-obj -n
`),
);

const ASSEMBLER_PREFIXES = words(`
  --compress-debug-sections -m --hash-size=
`);

/** True for an assembler option that changes only bytes. */
function isPlainAssemblerOption(option: string): boolean {
  return ASSEMBLER_FLAGS.has(option) || ASSEMBLER_PREFIXES.some((prefix) => option.startsWith(prefix));
}

/**
 * The first assembler option that is not known to be harmless, or undefined. `--defsym` and a bare `-I` take the next word; `-I`
 * only directs `.include` and `.incbin`, which the cache finds in the input itself.
 */
export function unsafeAssemblerOption(options: readonly string[]): string | undefined {
  for (let i = 0; i < options.length; i++) {
    const option = options[i] as string;
    if (option === '--defsym' || option === '-I') i++;
    else if (!isPlainAssemblerOption(option) && !option.startsWith('-I')) return option;
  }
  return undefined;
}

/** True for an assembler option under which the assembler itself makes debug information. */
export function isAssemblerDebugOption(option: string): boolean {
  return /^(?:-g|--g(?:dwarf|en-debug|stabs))/.test(option);
}

/** True for a preprocessor option that only defines or undefines a macro. */
export function isMacroOption(option: string): boolean {
  return /^-[DU]./.test(option);
}

const FRONTEND_FLAGS = new Set(
  words(`
  -Wno-everything -disable-O0-optnone -disable-free -disable-lifetime-markers -disable-llvm-passes -disable-llvm-verifier
  -enable-opaque-pointers -fblocks -ffake-address-space-map -fno-debug-pass-manager
  -fno-pch-timestamp -fno-validate-pch -fno-cxx-modules -fno-modules -fexperimental-assignment-tracking=disabled
  -fexperimental-assignment-tracking=enabled -fexperimental-assignment-tracking=forced -fno-escaping-block-tail-calls
  -mno-constructor-aliases -no-opaque-pointers -opaque-pointers -fexperimental-new-constant-interpreter
  -fno-experimental-new-constant-interpreter -fsanitize-address-globals-dead-stripping -no-enable-noundef-analysis
  -enable-noundef-analysis -fno-diagnostics-show-note-include-stack -femit-debug-entry-values -mrelax-all
`),
);

const FRONTEND_PREFIXES = words(`
  -O -W -debug-info-kind= -debugger-tuning= -dwarf-version= -mframe-pointer= -std= -fmessage-length=
  -fdebug-compilation-dir= -ffile-compilation-dir= -fvisibility= -ftrivial-auto-var-init= -stack-protector-buffer-size=
`);

/** Frontend options whose value is the next -Xclang. */
const FRONTEND_SEPARATE = new Set(
  words(`-fdebug-compilation-dir -mrelocation-model -pic-level -stack-protector -stack-protector-buffer-size
  -target-abi -target-cpu -target-feature -tune-cpu`),
);

/** The first of the values of all `-Xclang` that is not known to be harmless, or undefined. */
export function unsafeFrontendOption(options: readonly string[]): string | undefined {
  for (let i = 0; i < options.length; i++) {
    const option = options[i] as string;
    if (FRONTEND_SEPARATE.has(option)) i++;
    else if (option === '-mllvm') {
      const backend = options[++i];
      if (backend === undefined || !isPlainBackendOption(backend)) return backend ?? option;
    } else if (!FRONTEND_FLAGS.has(option) && !FRONTEND_PREFIXES.some((prefix) => option.startsWith(prefix)))
      return option;
  }
  return undefined;
}

const BACKEND_PREFIXES = words(`
  -align-all-functions= -align-all-nofallthru-blocks= -align-loops= -asan- -disable-binop-extract-shuffle
  -enable-dse-partial-store-merging -enable-machine-outliner= -enable-name-compression= -enable-tail-merge
  -experimental-debug-variable-locations= -force-vector- -generate-arange-section -generate-type-units -hwasan-
  -import-instr-limit= -inline-threshold= -inlinecold-threshold= -inlinehint-threshold= -instcombine-lower-dbg-declare=
  -memprof- -msan- -regalloc=greedy -regalloc=basic -sanitizer-coverage- -split-threshold-for-reg-with-hint=
  -stack-alignment= -tail-merge-threshold= -tsan- -unroll-count= -unroll-threshold= -vectorize-loops
  -vectorize-slp -x86-asm-syntax= -x86-branches-within-32B-boundaries -x86-pad-for-align
`);

/** True for an LLVM option known to change nothing but code. */
export function isPlainBackendOption(option: string): boolean {
  return BACKEND_PREFIXES.some((prefix) => option.startsWith(prefix));
}
