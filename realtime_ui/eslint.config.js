import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "node_modules", "**/*.gen.ts", "scripts", "dev", "eslint.config.js"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  jsxA11y.flatConfigs.strict,
  reactHooks.configs.flat["recommended-latest"],
  {
    // The service worker is served as it stands: no part of the build, and no module of the app.
    files: ["public/*.js"],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { self: "readonly", URL: "readonly" } },
  },
  {
    ignores: ["public/*.js"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/dot-notation": "off",
      // What scrolls has to be reachable by keyboard.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { roles: ["tabpanel", "region", "application"], tags: [] }],
      // The table's virtual rows keep their own state outside React; the compiler is not in use.
      "react-hooks/incompatible-library": "off",
    },
  },
);
