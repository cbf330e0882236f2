/** One bash in which the commands of a page run one after another, as a person types them: folder and variables stay. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const END = '--- end of the command:';
/** Of one command. */
const TIMEOUT_MS = 60_000;

export interface Ran {
  readonly status: number;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
}

export interface ShellSession {
  run(line: string): Promise<Ran>;
  close(): Promise<void>;
}

/** @param entering a command that runs the one behind it elsewhere */
export function shellSession(cwd: string, env: Record<string, string>, entering: readonly string[] = []): ShellSession {
  const [program = '', ...args] = [...entering, 'bash', '--noprofile', '--norc'];
  const bash = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(bash, 'exit');
  let output = '';
  let heard = (): void => {};
  bash.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    heard();
  });
  bash.stdin.write('exec 2>&1\n');
  return {
    run: (line) =>
      new Promise((resolve, reject) => {
        output = '';
        const timer = setTimeout(
          () => reject(new Error(`${line}: not done after ${TIMEOUT_MS} ms\n${output}`)),
          TIMEOUT_MS,
        );
        heard = () => {
          const at = output.indexOf(END);
          if (at < 0 || !output.endsWith('\n')) return;
          clearTimeout(timer);
          heard = () => {};
          resolve({ status: Number(output.slice(at + END.length)), output: output.slice(0, at) });
        };
        // Commands read nothing: the rest of the page is no input of theirs.
        bash.stdin.write(`{ ${line}\n} < /dev/null\necho "${END} $?"\n`);
      }),
    close: async () => {
      bash.stdin.end();
      await exited;
    },
  };
}
