// The words of the page's language, which came with it.

export const words = JSON.parse(document.getElementById("words").textContent);

// A word with its {places} filled.
export function say(name, places = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, place) => places[place]);
}

// An emotion's name; a label of one's own model stands for itself, unless the words have it.
export function emotionName(label) {
  const name = words[`emotion_${label}`] ?? label;
  return name.charAt(0).toLocaleUpperCase(words.language) + name.slice(1);
}
