// Pages work without this file. It copies texts, counts down, asks before what cannot be undone,
// writes moments in the reader's own time, and keeps a form from being sent twice.
(() => {
  "use strict";

  const copied = (button) => {
    const before = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 2000);
  };

  // Chat browsers on phones often refuse the clipboard: then the text is selected, ready for a long press.
  const select = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };

  document.querySelectorAll("button[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        copied(button);
      } catch {
        if (select(source)) copied(button);
      }
    });
  });

  document.querySelectorAll("form[data-confirm]").forEach((form) => {
    form.addEventListener("submit", (event) => {
      if (!confirm(form.dataset.confirm)) event.preventDefault();
    });
  });

  // After the confirmation above, so that a refused one can be sent again.
  document.querySelectorAll("form[method=post]").forEach((form) => {
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      setTimeout(() => form.querySelectorAll("button:not([type=button])").forEach((one) => { one.disabled = true; }));
    });
  });
  // Coming back by the browser's own button shows the page as it was left: let its forms be sent again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form button").forEach((one) => { one.disabled = false; });
  });

  document.querySelectorAll("[data-seconds]").forEach((element) => {
    const until = Date.now() + Number(element.dataset.seconds) * 1000;
    const two = (number) => String(number).padStart(2, "0");
    const tick = () => {
      const left = Math.max(0, Math.round((until - Date.now()) / 1000));
      const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
      element.textContent = `${hours ? hours + ":" : ""}${hours ? two(minutes) : minutes}:${two(seconds)}`;
      if (left === 0 && element.dataset.seconds > 0) location.reload();
      else if (left > 0) setTimeout(tick, 1000 - (Date.now() % 1000));
    };
    tick();
  });

  const language = document.documentElement.lang;
  const written = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  document.querySelectorAll("time[datetime]").forEach((element) => {
    element.title = element.textContent;
    element.textContent = written.format(new Date(element.dateTime));
  });

  document.querySelectorAll("select[data-go]").forEach((element) => {
    element.addEventListener("change", () => element.form.requestSubmit());
  });
})();
