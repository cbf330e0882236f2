/** What Vigía uses of the kernel, and since which release Linux has it; docs/kernels.md shows this table. */

type Release = readonly [major: number, minor: number];

export interface KernelFeature {
  readonly name: string;
  readonly since: Release;
  /** What an older kernel costs; absent where the collector does not start without the feature. */
  readonly without?: string;
}

/** Before, what maps take counts as locked memory of the user. */
export const CGROUP_MEMORY: KernelFeature = {
  name: 'map memory on the account of the cgroup',
  since: [5, 11],
  without: 'RLIMIT_MEMLOCK must allow 16 MiB',
};

export const XDP_LINKS: KernelFeature = {
  name: 'links of XDP programs',
  since: [5, 9],
  without: 'nothing can be dropped at the XDP hook (block-at = "xdp")',
};

export const KERNEL_FEATURES: readonly KernelFeature[] = [
  { name: 'clsact', since: [4, 5] },
  { name: 'per-CPU arrays', since: [4, 6] },
  { name: 'bpf_skb_pull_data', since: [4, 9] },
  { name: 'arrays of maps whose update waits for running programs', since: [4, 20] },
  { name: '32-bit jumps', since: [5, 1] },
  { name: 'bpf_spin_lock', since: [5, 1] },
  { name: 'global data described by BTF', since: [5, 2] },
  { name: 'array maps in user memory (BPF_F_MMAPABLE)', since: [5, 5] },
  { name: 'batches of hash map entries', since: [5, 6] },
  { name: 'gso_size of a packet', since: [5, 7] },
  { name: 'CAP_BPF and CAP_PERFMON', since: [5, 8], without: 'only root may load the programs' },
  XDP_LINKS,
  CGROUP_MEMORY,
  { name: 'bpf_ktime_get_coarse_ns', since: [5, 11], without: 'a dearer clock is read' },
  { name: 'batches of trie entries', since: [5, 13], without: 'what blocks dropped is read one by one' },
  {
    name: 'tcx',
    since: [6, 6],
    without: 'the programs hang on clsact, where SIGKILL leaves them, dropping nothing, until the next start',
  },
];

/**
 * What a kernel lacks, by its release alone: distributions carry features back, and can leave them out.
 * @param release such as 6.1.0-18-amd64; one that begins otherwise counts as too old
 */
export function lackingFeatures(release: string): KernelFeature[] {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return KERNEL_FEATURES.filter(({ since }) => major < since[0] || (major === since[0] && minor < since[1]));
}

/** The first release with all of some features, such as 6.6. */
export function firstRelease(features: readonly KernelFeature[]): string {
  const [major, minor] = features.reduce<Release>(
    (newest, { since }) => (since[0] > newest[0] || (since[0] === newest[0] && since[1] > newest[1]) ? since : newest),
    [0, 0],
  );
  return `${major}.${minor}`;
}

/** The first release on which the collector starts. */
export const OLDEST_RELEASE = firstRelease(KERNEL_FEATURES.filter(({ without }) => without === undefined));
