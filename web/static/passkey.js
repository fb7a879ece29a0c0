// Passkeys: only a script can ask a browser for one. A form with data-passkey ("create" or "get")
// fetches its options from data-begin, asks, and sends the answer in its hidden field.
"use strict";
(() => {
  const forms = document.querySelectorAll("form[data-passkey]");
  if (!window.PublicKeyCredential || !forms.length) {
    for (const form of forms) refuse(form, "This browser knows no passkeys.");
    return;
  }

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const keys = (list) => (list || []).map((k) => ({ ...k, id: bytes(k.id) }));

  async function begin(form) {
    const reply = await fetch(form.dataset.begin, { method: "POST" });
    const options = await reply.json();
    if (!reply.ok) throw new Error(options.detail);
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    if (options.excludeCredentials) options.excludeCredentials = keys(options.excludeCredentials);
    if (options.allowCredentials) options.allowCredentials = keys(options.allowCredentials);
    return options;
  }

  // answer writes a credential in the JSON that the standard gives it (WebAuthn level 3, §5.1).
  function answer(c) {
    const response = { clientDataJSON: text(c.response.clientDataJSON) };
    if (c.response.attestationObject) {
      response.attestationObject = text(c.response.attestationObject);
      response.transports = c.response.getTransports ? c.response.getTransports() : [];
    } else {
      response.authenticatorData = text(c.response.authenticatorData);
      response.signature = text(c.response.signature);
      if (c.response.userHandle) response.userHandle = text(c.response.userHandle);
    }
    const out = { id: c.id, rawId: text(c.rawId), type: c.type, response, clientExtensionResults: {} };
    if (c.authenticatorAttachment) out.authenticatorAttachment = c.authenticatorAttachment;
    return JSON.stringify(out);
  }

  function refuse(form, why) {
    const place = form.querySelector("[data-passkey-error]");
    place.textContent = why;
    place.hidden = false;
  }

  function reason(e) {
    if (e.name === "NotAllowedError") return "No passkey was shown. Try again when you are ready.";
    if (e.name === "InvalidStateError") return "This device has a passkey for you already.";
    return e.message || "That did not work. Try again.";
  }

  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      form.querySelector("[data-passkey-error]").hidden = true;
      try {
        const publicKey = await begin(form);
        const c = await navigator.credentials[form.dataset.passkey]({ publicKey });
        form.querySelector("[data-passkey-answer]").value = answer(c);
        form.submit();
      } catch (e) {
        refuse(form, reason(e));
        button.disabled = false;
      }
    });
  }
})();
