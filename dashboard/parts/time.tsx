/** An instant, as how long ago it was; the whole of it in UTC where the pointer rests. */
import { useEffect, useState } from 'preact/hooks';
import { span } from './wording.ts';

const TICK_MS = 10_000;

export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={new Date(at).toISOString()}>
      {span(now - Date.parse(at))} ago
    </time>
  );
}

export function Instant({ at }: { at: string }) {
  return <time dateTime={at}>{new Date(at).toISOString().replace('T', ' ').replace(/\..*/, ' UTC')}</time>;
}

function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
