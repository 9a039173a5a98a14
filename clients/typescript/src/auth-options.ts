export interface AuthSettings {
  /** Address of the API, such as `https://api.codecave.tech`. */
  baseUrl: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
}

export const options = ({ baseUrl, fetch }: AuthSettings) => ({
  baseURL: baseUrl,
  fetchOptions: fetch ? { customFetchImpl: fetch } : {},
});
