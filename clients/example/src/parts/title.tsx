import { useEffect } from "react";

/** The heading of a page, which is the title of its tab too. */
export function Title({ children }: { children: string }) {
  useEffect(() => {
    document.title = `${children} · CodeCave`;
  }, [children]);
  return <h1>{children}</h1>;
}
