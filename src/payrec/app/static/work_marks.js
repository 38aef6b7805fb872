// What others have recorded meanwhile: sent to the rows of the table, and the newest entry in words.

export default function ({ data, parentElement }) {
  window.dispatchEvent(new CustomEvent("payrec-marks", { detail: data }));
  let line = parentElement.querySelector("p");
  if (!line) {
    line = document.createElement("p");
    parentElement.append(line);
  }
  if (line.textContent !== data.newest) line.textContent = data.newest;
  line.hidden = !data.newest;
}
