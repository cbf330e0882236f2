/** A field of a form that must be filled in, with its label. */

interface FieldProperties {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly placeholder?: string;
}

export function Field({ label, value, onValue, placeholder }: FieldProperties) {
  return (
    <label>
      {label}
      <input
        placeholder={placeholder}
        required
        spellcheck={false}
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </label>
  );
}
