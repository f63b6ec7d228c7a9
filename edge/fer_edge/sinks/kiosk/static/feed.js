// The server's events while the page is visible: it reconnects by itself, and closes while the page is hidden.

const RETRY_DELAYS_MS = [300, 700, 1500, 3000, 5000];
const SILENCE_TIMEOUT_MS = 25000; // without an event; then the connection is closed
const RENEWED_KEY = "fer-edge-pages"; // in the tab's storage: the pages it was loaded again for
const OFFLINE_DELAY_MS = 1500; // without a connection, before the page says so

export class Feed {
  // `onChange` is called with each new state, and with null while there is no connection.
  constructor(path, onChange) {
    this.path = path;
    this.onChange = onChange;
    this.failures = 0;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", () => !document.hidden && !this.source && this.open());
    if (!document.hidden) this.open();
  }

  open() {
    this.close();
    this.source = new EventSource(this.path);
    this.source.addEventListener("now", (event) => {
      this.onEvent();
      this.failures = 0;
      clearTimeout(this.offline);
      this.offline = undefined;
      this.onChange(JSON.parse(event.data));
    });
    this.source.addEventListener("pages", ({ data }) => renew(data));
    this.source.addEventListener("ping", () => this.onEvent());
    this.source.onerror = () => this.onLost();
    this.onEvent();
  }

  onEvent() {
    clearTimeout(this.timeout);
    this.timeout = setTimeout(() => this.onLost(), SILENCE_TIMEOUT_MS);
  }

  onLost() {
    this.disconnect();
    this.offline ??= setTimeout(() => this.onChange(null), OFFLINE_DELAY_MS);
    const pause = RETRY_DELAYS_MS[Math.min(this.failures++, RETRY_DELAYS_MS.length - 1)];
    this.retry = setTimeout(() => this.open(), pause * (0.8 + 0.4 * Math.random()));
    // An expired login looks like any other error here.
    fetch("/api/v1/status").then((response) => response.status === 401 && location.reload(), () => {});
  }

  disconnect() {
    this.source?.close();
    this.source = undefined;
    clearTimeout(this.timeout);
    clearTimeout(this.retry);
  }

  close() {
    this.disconnect();
    clearTimeout(this.offline);
    this.offline = undefined;
  }
}

// Loads the page again if the server has others now, after an update or new settings; once for each, lest a page that
// some cache kept is loaded forever.
function renew(pages) {
  if (pages === document.documentElement.dataset.pages || sessionStorage.getItem(RENEWED_KEY) === pages) return;
  sessionStorage.setItem(RENEWED_KEY, pages);
  location.reload();
}
