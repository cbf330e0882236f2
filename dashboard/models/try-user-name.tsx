/** Asks which kind of string a user name is. The edge neither stores nor logs it. */
import { useState } from 'preact/hooks';
import type { Classification } from '../../contract/classification.ts';
import { Failure } from '../parts/notice.tsx';
import { percent } from '../parts/wording.ts';
import { useSession } from '../session/session.ts';

export function TryUserName() {
  const { call } = useSession();
  const [text, setText] = useState('ls -la');
  const [answer, setAnswer] = useState<Classification | Error | null>(null);
  const ask = async (): Promise<Classification | Error | null> => {
    try {
      const given = await call('POST /classify_username', { body: { username: text } });
      return Array.isArray(given) ? (given[0] ?? null) : given;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  return (
    <section>
      <h2>Try a user name</h2>
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          void ask().then(setAnswer);
        }}
      >
        <label>
          User name
          <input value={text} spellcheck={false} onInput={({ currentTarget }) => setText(currentTarget.value)} />
        </label>
        <button type="submit" disabled={text === ''}>
          Classify
        </button>
      </form>
      {answer instanceof Error && <Failure error={answer} />}
      {answer !== null && !(answer instanceof Error) && (
        <p role="status">
          <strong>{answer.predicted_type}</strong>, {percent(answer.confidence)}
        </p>
      )}
    </section>
  );
}
