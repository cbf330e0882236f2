/** The dashboard: mounts it on its page. */
import { render } from 'preact';
import { App } from './app.tsx';

const place = document.getElementById('app');
if (place === null) throw new Error('the page has no element "app"');
place.replaceChildren();
render(<App />, place);
