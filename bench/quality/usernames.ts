/** The username classifier on public lists that it never saw: user names of companies and of a forum, leaked passwords, commands, service accounts. */
import { join } from 'node:path';
import { CLASSES, type UsernameClass } from '../../models/username/classes.ts';
import { classifyUsername, type UsernameVerdict } from '../../models/username/classify.ts';
import { readQuotedCsv } from './csv.ts';
import type { QualityRow, QualitySet } from './row.ts';

const SET = 'usernames';
const COMPANY = 'insidetrust';
/** Share of the company user names that may be called a password. */
const COMPANY_CALLED_PASSWORD = 0.02;
const CALIBRATION_BINS = 15;

interface Judged extends UsernameVerdict {
  readonly text: string;
  readonly label: UsernameClass;
  readonly source: string;
  readonly best: UsernameClass;
}

const isClass = (label: string): label is UsernameClass => CLASSES.some((name) => name === label);

async function judged(dataFolder: string): Promise<Judged[]> {
  const [, ...lines] = await readQuotedCsv(join(dataFolder, 'usernames', 'labelled.csv'));
  return lines.flatMap(([text = '', label = '', source = '']) => {
    if (!isClass(label)) return [];
    const verdict = classifyUsername(text);
    const [best = 'username'] = CLASSES.toSorted((a, b) => verdict.probabilities[b] - verdict.probabilities[a]);
    return [{ ...verdict, text, label, source, best }];
  });
}

const share = <T>(of: readonly T[], is: (one: T) => boolean): number => of.filter(is).length / of.length;

/** Of lower case, upper case, digits and everything else. */
function characterClasses(text: string): number {
  return [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((one) => one.test(text)).length;
}

/** Recall of passwords of several character classes where so many company user names are called password. */
function mixedPasswords(rows: readonly Judged[], classes: number): number {
  const company = rows
    .filter(({ label, source }) => label === 'username' && source.startsWith(COMPANY))
    .map(({ probabilities }) => probabilities.password)
    .sort((a, b) => b - a);
  const threshold = company[Math.floor(COMPANY_CALLED_PASSWORD * company.length)] ?? 1;
  const mixed = rows.filter(({ label, text }) => label === 'password' && characterClasses(text) >= classes);
  return share(mixed, ({ probabilities }) => probabilities.password > threshold);
}

/** Mean distance of confidence from accuracy over bins of equal width (Naeini, Cooper, Hauskrecht, 2015). */
function calibrationError(rows: readonly Judged[]): number {
  const bins = Map.groupBy(rows, ({ confidence }) =>
    Math.min(CALIBRATION_BINS - 1, Math.floor(confidence * CALIBRATION_BINS)),
  );
  return [...bins.values()].reduce((error, bin) => {
    const confidence = bin.reduce((sum, row) => sum + row.confidence, 0) / bin.length;
    const right = share(bin, ({ best, label }) => best === label);
    return error + (bin.length / rows.length) * Math.abs(confidence - right);
  }, 0);
}

async function measure(dataFolder: string): Promise<QualityRow[]> {
  const rows = await judged(dataFolder);
  const of = (label: UsernameClass): Judged[] => rows.filter((row) => row.label === label);
  const answered = rows.filter(({ predicted_type }) => predicted_type !== 'unknown');
  const majority = Math.max(...CLASSES.map((label) => of(label).length)) / rows.length;
  const peer = (detector: string, figures: QualityRow['figures']): QualityRow => ({
    set: SET,
    detector,
    kind: 'peer',
    figures,
    note: 'fitted on half of these lists, scikit-learn 1.2',
  });
  return [
    { set: SET, detector: 'majority class', kind: 'baseline', figures: { accuracy: majority } },
    peer('multinomial naive Bayes', { accuracy: 0.714 }),
    peer('logistic regression', { accuracy: 0.797, commands: 0.989, mixed_passwords: 0.711 }),
    {
      set: SET,
      detector: 'n-grams, fitted on other material',
      kind: 'vigia',
      figures: {
        accuracy: share(rows, ({ best, label }) => best === label),
        commands: share(of('command'), ({ best }) => best === 'command'),
        mixed_passwords: mixedPasswords(rows, 2),
        passwords_of_3_classes: mixedPasswords(rows, 3),
        services: share(of('service'), ({ best }) => best === 'service'),
        calibration_error: calibrationError(rows),
        unknown: 1 - answered.length / rows.length,
        wrong_of_answered: share(answered, ({ predicted_type, label }) => predicted_type !== label),
      },
      reach: { commands: { least: 0.98 }, mixed_passwords: { least: 0.8 }, services: { least: 0.7 } },
    },
    ...[...Map.groupBy(rows, ({ label, source }) => `${label}, ${source}`)].map(
      ([detector, own]): QualityRow => ({
        set: SET,
        detector,
        kind: 'vigia',
        figures: {
          recall: share(own, ({ best, label }) => best === label),
          unknown: share(own, ({ predicted_type }) => predicted_type === 'unknown'),
        },
        note: `${own.length} strings`,
      }),
    ),
  ];
}

/** Shares of 0 to 1; a forum's nicknames cannot be told from passwords by their text, so look at the sources. */
export const usernames: QualitySet = { name: 'usernames', folder: 'usernames', measure };
