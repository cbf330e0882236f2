/** Asks for a token where the edge needs one. */
import { useState } from 'preact/hooks';
import { Note } from '../parts/notice.tsx';

interface SignInProperties {
  /** Why the last token was refused; null where none was given. */
  readonly why: string | null;
  readonly onToken: (token: string) => void;
}

export function SignIn({ why, onToken }: SignInProperties) {
  const [text, setText] = useState('');
  const token = text.trim();
  return (
    <main class="sign-in">
      <h1>Vigía</h1>
      {why !== null && <Note tone="bad">{why}</Note>}
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          if (token !== '') onToken(token);
        }}
      >
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={token === ''}>
          Sign in
        </button>
      </form>
      <p>
        Whoever runs this deployment makes one: <code>vigia token create --scope read</code> to look,{' '}
        <code>--scope admin</code> to answer incidents too. This tab keeps it until it is closed.
      </p>
    </main>
  );
}
