/** The style of the API page: the reader's own colours, light or dark, in one column. */
export const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #343b47); --soft: light-dark(#f3f5f8, #1a1f28);
  --quiet: light-dark(#5a6472, #9aa5b5); --link: light-dark(#0b5cad, #7ab8ff); }
body { margin: 0; background: light-dark(#fff, #11151c); color: light-dark(#1b2230, #e4e9f1);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 1rem; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1 small, small { color: var(--quiet); font-weight: normal; }
h2 { margin: 0 0 .5rem; font-size: 1.2rem; overflow-wrap: anywhere; }
h3 { margin: 1rem 0 .25rem; font-size: 1rem; }
section { margin-top: 1.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
#schemas { margin-top: 3rem; font-size: 1.5rem; }
nav ul { margin: 1.5rem 0; padding: 0; list-style: none; }
nav li { padding: .35rem 0; }
nav span { display: block; color: var(--quiet); }
b { display: inline-block; min-width: 3.7rem; font-size: .8rem; }
.GET { color: light-dark(#0a6b3d, #67d69b); }
.POST { color: light-dark(#8a4b00, #ffbf66); }
.PATCH { color: light-dark(#7a2e9a, #d9a1f2); }
code, pre { font: .9em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { padding: .75rem; overflow-x: auto; overflow-wrap: normal; background: var(--soft); border-radius: 6px; }
dl { margin: 0; }
dt { margin-top: .4rem; }
dd { margin: 0 0 .2rem; padding-left: .8rem; border-left: 2px solid var(--line); }
.type { color: var(--quiet); }
@media (min-width: 40rem) { nav li { display: flex; gap: 1rem; } nav li a { flex: 0 0 26rem; } }
`;
