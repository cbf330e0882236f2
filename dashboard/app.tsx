/** The dashboard: who is looking, at which group, and which page that is; where a token is needed, the question for it. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { Frame } from './frame.tsx';
import { hashOf } from './route.ts';
import { keep, recall } from './session/kept.ts';
import { newSession, SessionProvider } from './session/session.ts';
import { SignIn } from './session/sign-in.tsx';
import { useRoute } from './use-route.ts';

export function App() {
  const route = useRoute();
  const [token, setToken] = useState(recall('token') ?? undefined);
  const [group, setGroup] = useState(route.query.group ?? recall('group') ?? undefined);
  const [refusal, setRefusal] = useState<string | null>(null);
  const refused = useCallback((why: string) => setRefusal(why), []);
  const session = useMemo(() => newSession(token, group, refused), [token, group, refused]);

  const useToken = (text: string | undefined): void => {
    keep('token', text ?? null);
    setToken(text);
    setRefusal(null);
  };
  const choose = (name: string): void => {
    keep('group', name === '' ? null : name);
    setGroup(name === '' ? undefined : name);
  };
  /** The address says which group is shown, so that what is copied from it leads back here. */
  const goTo = (name: string): void => {
    choose(name);
    location.hash = hashOf(route.page, null, { group: name });
  };
  const linked = route.query.group;
  useEffect(() => {
    if (linked !== undefined) choose(linked);
  }, [linked]);

  if (refusal !== null) return <SignIn why={token === undefined ? null : refusal} onToken={useToken} />;
  return (
    <SessionProvider value={session}>
      <Frame
        key={`${group} ${token}`}
        route={route}
        onGroup={goTo}
        onSignOut={token === undefined ? null : () => useToken(undefined)}
      />
    </SessionProvider>
  );
}
