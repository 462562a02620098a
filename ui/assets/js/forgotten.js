// A page may outlive its session on the server: the connection was lost for too long, or the server
// was restarted. Streamlit then begins a new session in the same document and says nothing. Where
// something was lost with the old one, the attribute data-forgotten shows a sentence, until there is
// something new.
// Depends on: nothing of Streamlit's; a reload begins a new document, and its sentence is not shown.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
window.digitLabSession ??= (() => {
  let session = "";
  let made = 0; // runs and drawings that the server has for this page
  return (token, now) => {
    const root = document.documentElement;
    if (session && session !== token && made) root.toggleAttribute("data-forgotten", true);
    if (now) root.removeAttribute("data-forgotten");
    session = token;
    made = now;
  };
})();
