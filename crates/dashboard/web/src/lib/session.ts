/** The API key of this tab. It lives in the tab's session storage and ends with the tab. */
const NAME = 'commonground-key';

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export function storedKey(store: Store | undefined): string | null {
  try {
    return store?.getItem(NAME) ?? null;
  } catch {
    return null;
  }
}

/** Keeps the key, or forgets it. A browser that keeps nothing only forgets it with the page. */
export function storeKey(store: Store | undefined, key: string | null): void {
  try {
    if (key) store?.setItem(NAME, key);
    else store?.removeItem(NAME);
  } catch {
    // Storage is switched off: the key still works until the page is left.
  }
}
