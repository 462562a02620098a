// A picture that is pasted anywhere on the page goes where one that is dropped goes: the uploader.
if (!window.takesPastedPhotos) {
  window.takesPastedPhotos = true;
  document.addEventListener("paste", (event) => {
    const input = document.querySelector(".st-key-photo input[type=file]");
    const picture = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
    if (!input || !picture) return;
    const files = new DataTransfer();
    files.items.add(picture);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  });
}
