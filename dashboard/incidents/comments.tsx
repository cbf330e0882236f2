/** What people said of an incident, and room to say more. */
import { useState } from 'preact/hooks';
import { Failure } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { Instant } from '../parts/time.tsx';
import { useAction } from '../parts/use-action.ts';
import { keep, recall } from '../session/kept.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';

export function Comments({ id }: { id: string }) {
  const { answer, error, reload } = useAnswer('GET /incidents/{id}/comments', { path: { id } }, { followed: true });
  return (
    <section>
      <h2>Comments</h2>
      {error && <Failure error={error} />}
      <ol class="comments">
        {answer?.comments.map(({ at, author, text }) => (
          <li key={`${at} ${text}`}>
            <p class="by">
              {author ?? 'somebody'}, <Instant at={at} />
            </p>
            <p>{text}</p>
          </li>
        ))}
      </ol>
      <CommentForm id={id} onSaid={reload} />
    </section>
  );
}

function CommentForm({ id, onSaid }: { id: string; onSaid: () => void }) {
  const { call } = useSession();
  const [text, setText] = useState('');
  const [author, setAuthor] = useState(recall('author') ?? '');
  const action = useAction();
  const say = (): void =>
    action.run(async () => {
      const name = author.trim();
      keep('author', name === '' ? null : name);
      await call('POST /incidents/{id}/comments', {
        path: { id },
        body: { text: text.trim(), ...(name !== '' && { author: name }) },
      });
      setText('');
      onSaid();
      return 'Said.';
    });
  return (
    <form
      class="column"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '') say();
      }}
    >
      <label>
        Comment
        <textarea
          rows={2}
          maxLength={2000}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <label>
        Your name
        <input
          value={author}
          maxLength={64}
          placeholder="optional"
          onInput={({ currentTarget }) => setAuthor(currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={action.running || text.trim() === ''}>
        Comment
      </button>
      <Outcome action={action} />
    </form>
  );
}
