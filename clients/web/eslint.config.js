// What the checks hold the client to; nothing of it is part of the package.
export default [
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2023, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-console": "error", "no-alert": "error", "no-debugger": "error", "no-eval": "error", "no-implied-eval": "error",
      "no-new-func": "error", "no-var": "error", "prefer-const": "error", "no-unused-vars": ["error", { args: "after-used", argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      "no-unreachable": "error", "no-constant-condition": ["error", { checkLoops: false }], "no-dupe-keys": "error",
      "no-self-assign": "error", "no-shadow-restricted-names": "error", "no-unsafe-finally": "error", "no-fallthrough": "error",
      "no-undef-init": "error", "no-throw-literal": "error", "no-return-assign": ["error", "except-parens"], eqeqeq: "error",
      "no-await-in-loop": "off",
    },
  },
];
