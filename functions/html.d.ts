/** An imported page is its text. */
declare module '*.html' {
  const text: string;
  export default text;
}
