// In another site's frame, browsers keep Streamlit's cookie back. The page works without it, but an
// upload would be refused with a message for programmers. So a sentence takes the uploader's place.
// Depends on: the cookie _streamlit_xsrf, which scripts can read, and which is there before the page
// is shown. Seen in Streamlit 1.67.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
document.documentElement.toggleAttribute(
  "data-framed",
  window !== window.top && !document.cookie.includes("_streamlit_xsrf="),
);
