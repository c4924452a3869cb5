import ts from 'typescript';
import { expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';

/** Names of our own types that declarations which a user can reach refer to, and that the library does not export. */
function findUnexported(entry: string): string[] {
  const program = ts.createProgram([entry], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const own = (symbol: ts.Symbol): boolean =>
    symbol.declarations?.some((each) =>
      each.getSourceFile().fileName.startsWith(packageFile('dist/')),
    ) ?? false;
  const resolve = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const face = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
  const exported = new Set(checker.getExportsOfModule(face).map(resolve));
  const missing = new Set<string>();
  const seen = new Set<ts.Symbol>();
  const visitSymbol = (symbol: ts.Symbol): void => {
    if (seen.has(symbol) || !own(symbol)) return;
    seen.add(symbol);
    for (const declaration of symbol.declarations ?? []) visit(declaration);
  };
  const visit = (node: ts.Node): void => {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && checker.getSymbolAtLocation(name);
    if (symbol && !(symbol.flags & ts.SymbolFlags.TypeParameter) && own(resolve(symbol))) {
      if (!exported.has(resolve(symbol))) missing.add(symbol.name);
      visitSymbol(resolve(symbol));
    }
    ts.forEachChild(node, visit);
  };
  exported.forEach(visitSymbol);
  return [...missing];
}

test('every type that the public face names is exported from it', () => {
  expect(findUnexported(packageFile('dist/src/index.d.ts'))).toEqual([]);
});
