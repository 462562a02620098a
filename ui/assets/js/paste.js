// A picture pasted anywhere on the page goes to the file uploader, as if it had been dropped there:
// Streamlit's uploader itself does not take pasted files.
// Depends on: framed.js, the container key "photo" (class st-key-photo), and the uploader's
// input[type=file], which takes a change event from a script for a choice of the visitor's. Seen in
// Streamlit 1.67.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
if (!window.takesPastedPhotos) {
  window.takesPastedPhotos = true;
  document.addEventListener("paste", (event) => {
    const input = document.querySelector(".st-key-photo input[type=file]");
    const picture = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
    if (!input || !picture || document.documentElement.hasAttribute("data-framed")) return;
    const files = new DataTransfer();
    files.items.add(picture);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  });
}
