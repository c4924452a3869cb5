/** Styles are put into the page by its build. */
declare module '*.css';
