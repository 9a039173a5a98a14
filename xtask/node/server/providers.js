// Better Auth has the addresses of GitHub and Google in its code. This module sends its requests to a stand-in for both.

const stand_in = process.env.PROVIDER_URL;

const addresses = [
  ["https://github.com/", `${stand_in}/github/`],
  ["https://api.github.com/", `${stand_in}/github/`],
  ["https://oauth2.googleapis.com/token", `${stand_in}/google/token`],
  ["https://www.googleapis.com/oauth2/v3/certs", `${stand_in}/google/certs`],
];

const original = globalThis.fetch;

globalThis.fetch = (input, init) => {
  const address = input instanceof Request ? input.url : String(input);
  const known = addresses.find(([prefix]) => address.startsWith(prefix));
  if (!known) {
    throw new TypeError(`the Node server must not call ${address}`);
  }
  const [prefix, replacement] = known;
  const moved = replacement + address.slice(prefix.length);
  return original(input instanceof Request ? new Request(moved, input) : moved, init);
};
