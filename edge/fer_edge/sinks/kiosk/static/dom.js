// Elements of the page, made and found.

export const byId = (name) => document.getElementById(name);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The JSON of an address of this device. Throws an Error with the reason, a TypeError without a connection.
export async function fetched(path) {
  const response = await fetch(path);
  if (response.status === 401) location.reload();
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}
