/** The trimmed text of a field. */
export function field(form: HTMLFormElement, name: string): string {
  return String(new FormData(form).get(name) ?? "").trim();
}

/** The words of a field, which commas separate. */
export function words(form: HTMLFormElement, name: string): string[] {
  return field(form, name)
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
}
