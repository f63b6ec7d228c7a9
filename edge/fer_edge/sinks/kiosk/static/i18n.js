// The texts of the page's language, which are in the page.

export const words = JSON.parse(document.getElementById("words").textContent);

// A text with its {places} filled in.
export function say(name, places = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, place) => places[place]);
}

// An emotion's name; a label of the user's own model stands for itself, unless the language has it.
export function emotionName(label) {
  const name = words[`emotion_${label}`] ?? words[`emotion_${label.trim().toLowerCase()}`] ?? label;
  return name.charAt(0).toLocaleUpperCase(words.language) + name.slice(1);
}
