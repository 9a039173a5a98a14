import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Port 3000 is the origin that the API trusts by default.
export default defineConfig({ plugins: [react()], server: { port: 3000, strictPort: true } });
