import type { Command } from 'commander';
import { SETTING_KEYS } from '../../config/settings.ts';
import { GLOBAL_FLAGS } from '../global-flags.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What may follow a command (`path` is `cache stats`, or empty for hgbuild itself). */
interface Completable {
  readonly path: string;
  readonly words: readonly string[];
  readonly flags: readonly string[];
}

/** After these the rest of the line is somebody else's. */
const FOREIGN = ['make', 'ninja', 'cmake', 'wrap', 'cc', 'c++'];

const VALUES: Readonly<Record<string, readonly string[]>> = {
  'config show': SETTING_KEYS,
  completion: SHELLS,
};

/** The script for a shell, made from the commands themselves so that it cannot be behind them. */
export function completionScript(shell: Shell, program: Command): string {
  const commands = completables(program, '');
  const scripts: Record<Shell, (commands: readonly Completable[]) => string> = { bash, zsh, fish };
  return scripts[shell](commands);
}

function completables(command: Command, path: string): readonly Completable[] {
  const flags =
    path === ''
      ? GLOBAL_FLAGS.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short]))
      : command.options.flatMap((option) => [option.long, option.short].filter((flag) => typeof flag === 'string'));
  const children = command.commands.filter((child) => child.name() !== '*');
  const names = children.map((child) => child.name());
  const words = VALUES[path] ?? (path === '' ? [...names, 'help'] : names);
  const own = { path, words, flags };
  return [own, ...children.flatMap((child) => completables(child, `${path} ${child.name()}`.trim()))];
}

/** Flags whose value is the next word. */
const VALUED = GLOBAL_FLAGS.filter((flag) => flag.takes !== undefined).map((flag) => flag.long);

function bash(commands: readonly Completable[]): string {
  return `# bash completion for hgbuild: source <(hgbuild completion bash)
_hgbuild() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' words='' flags='' i word
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$word" in
      ${VALUED.join(' | ')}) ((i++)); continue ;;
      -*) continue ;;
    esac
    if [[ $path == '' ]]; then
      case "$word" in
        wrap) ((i++)) ;&
        ${FOREIGN.filter((name) => name !== 'wrap').join(' | ')})
          if declare -F _command_offset >/dev/null; then _command_offset "$i"; else COMPREPLY=($(compgen -f -- "$cur")); fi
          return ;;
      esac
    fi
    path="\${path:+$path }$word"
  done
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    --config | --cache-dir) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --jobs) COMPREPLY=($(compgen -W 'auto' -- "$cur")); return ;;
  esac
  case "$path" in
${commands.map(({ path, words, flags }) => `    '${path}') words='${words.join(' ')}' flags='${flags.join(' ')}' ;;`).join('\n')}
    *) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  if [[ $cur == -* ]]; then words=$flags; fi
  if [[ $words == '' ]]; then COMPREPLY=($(compgen -f -- "$cur")); else COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -o filenames -F _hgbuild hgbuild
`;
}

function zsh(commands: readonly Completable[]): string {
  return `#compdef hgbuild
# zsh completion for hgbuild: save as _hgbuild in a directory of $fpath
_hgbuild() {
  local -a candidates flags
  local word where=''
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case "$word" in
      ${VALUED.join('|')}) ((i++)); continue ;;
      -*) continue ;;
    esac
    if [[ -z $where ]]; then
      case "$word" in
        wrap) shift $i words; ((CURRENT -= i)); _normal; return ;;
        ${FOREIGN.filter((name) => name !== 'wrap').join('|')}) shift $((i - 1)) words; ((CURRENT -= i - 1)); _normal; return ;;
      esac
    fi
    where="\${where:+$where }$word"
  done
  case "$where" in
${commands.map(({ path, words, flags }) => `    '${path}') candidates=(${words.join(' ')}) flags=(${flags.join(' ')}) ;;`).join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then compadd -- $flags
  elif (( \${#candidates} )); then compadd -- $candidates
  else _files
  fi
}
if [[ $funcstack[1] == _hgbuild ]]; then _hgbuild "$@"; else compdef _hgbuild hgbuild; fi
`;
}

function fish(commands: readonly Completable[]): string {
  const lines = ['# fish completion for hgbuild: save as ~/.config/fish/completions/hgbuild.fish'];
  for (const { path, words, flags } of commands) {
    const condition = fishCondition(path);
    if (words.length > 0) lines.push(`complete -c hgbuild -f -n '${condition}' -a '${words.join(' ')}'`);
    for (const flag of flags) {
      const [option, name] = flag.startsWith('--') ? ['-l', flag.slice(2)] : ['-s', flag.slice(1)];
      lines.push(`complete -c hgbuild -n '${condition}' ${option} ${name}${VALUED.includes(flag) ? ' -r' : ''}`);
    }
  }
  for (const name of FOREIGN) {
    lines.push(`complete -c hgbuild -n '__fish_seen_subcommand_from ${name}' -xa '(__fish_complete_subcommand)'`);
  }
  return `${lines.join('\n')}\n`;
}

function fishCondition(path: string): string {
  if (path === '') return '__fish_use_subcommand';
  return path
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
}
