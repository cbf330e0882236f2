/** A button for what is not taken back easily: the second press, within a few seconds, does it. */
import { useEffect, useState } from 'preact/hooks';

const ARMED_MS = 4_000;

interface Confirmed {
  readonly label: string;
  /** What the button says between the two presses. */
  readonly question: string;
  readonly disabled?: boolean;
  readonly onConfirm: () => void;
}

export function ConfirmedButton({ label, question, disabled, onConfirm }: Confirmed) {
  const [armed, setArmed] = useState(false);
  useEffect(() => {
    if (!armed) return;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [armed]);
  const press = (): void => {
    setArmed(!armed);
    if (armed) onConfirm();
  };
  return (
    <button type="button" class={armed ? 'armed' : ''} disabled={disabled} onClick={press}>
      {armed ? question : label}
    </button>
  );
}
