// Colours that people with any kind of colour vision tell apart (after Okabe and Ito), and those of the theme.
const HUES = {
  light: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#6f5fc6", "#4d4d4d", "#00838f"],
  dark: ["#5aaee8", "#f2b134", "#2fc79a", "#e39ac4", "#8fd3ff", "#ff8a50", "#d0c05a", "#a99cf5", "#b8bcc4", "#4dd0e1"],
};
const themes = window.matchMedia("(prefers-color-scheme: dark)");
const repainted = []; // functions to call when the colours have changed

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : themes.matches;
}

function hue(place) {
  const hues = isDark() ? HUES.dark : HUES.light;
  return hues[((place % hues.length) + hues.length) % hues.length];
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

let inkCache = {};
function ink(name) {
  inkCache[name] ??= colour(name);
  return inkCache[name];
}

function repaint() {
  inkCache = {};
  for (const paint of repainted) paint();
}

function themeButton() {
  const text = () => (isDark() ? "Light" : "Dark");
  const control = button(text(), "Switch between light and dark", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    control.textContent = text();
    repaint();
  });
  control.id = "theme";
  themes.addEventListener("change", () => {
    control.textContent = text();
    repaint();
  });
  return control;
}

window.addEventListener("beforeprint", () => {
  document.documentElement.dataset.theme = "light";
  repaint();
});
