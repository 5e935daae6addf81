// SPDX-License-Identifier: AGPL-3.0-or-later
// A form that is answered by the browser's own window for passkeys. It is hidden where there are none; what is asked of
// the browser stands in the form (`data-options`), and the answer goes to the node as any form does.
import { browserSupportsWebAuthn, startAuthentication, startRegistration } from "@simplewebauthn/browser";

const ASK = { make: startRegistration, use: startAuthentication };
const form = document.querySelector("form[data-passkey]");
if (form && browserSupportsWebAuthn()) offer(form);

function offer(form) {
  const { passkey, options, failed } = form.dataset;
  const said = form.querySelector("[role=status]");
  said.hidden = true;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const answer = await ASK[passkey]({ optionsJSON: JSON.parse(options) });
      form.elements.namedItem("answer").value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      console.info("passkey:", error.name);
      said.textContent = failed;
      said.hidden = false;
    }
  });
}
