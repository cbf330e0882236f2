/** Certificates for tests, by openssl. */
import { sh } from './ebpf-machine.ts';

/**
 * Writes `FILE.pem`, signed by its own key in `FILE.key`; without names it is an authority.
 * @param names such as `IP:127.0.0.1`
 */
export function selfSigned(file: string, subject: string, names: string | null = null): void {
  const files = ['-keyout', `${file}.key`, '-out', `${file}.pem`];
  const extension = names === null ? [] : ['-addext', `subjectAltName=${names}`];
  sh(
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${subject}`,
    ...files,
    ...extension,
  );
}
