import { type FileMetaData, parquetSchema, type SchemaElement } from 'hyparquet';

/** A column of values, at any depth of structs and lists. */
export interface ParquetColumn {
  readonly path: readonly string[];
  readonly element: SchemaElement;
  /** Levels of the path that may be null or repeated. */
  readonly maxDefinition: number;
  /** Levels of the path that are repeated: 0 where there is one value for each row. */
  readonly maxRepetition: number;
}

/** A column, or a group of them: a struct, a list, a map. */
export interface ParquetNode extends ParquetColumn {
  readonly children: readonly ParquetNode[];
}

/** The columns of a table as they lie within each other. */
export function readSchema(metadata: FileMetaData): ParquetNode[] {
  const visit = (
    { element, children, path }: ReturnType<typeof parquetSchema>,
    above: { maxDefinition: number; maxRepetition: number },
  ): ParquetNode => {
    const isRepeated = element.repetition_type === 'REPEATED';
    const here = {
      maxDefinition: above.maxDefinition + (element.repetition_type === 'REQUIRED' ? 0 : 1),
      maxRepetition: above.maxRepetition + (isRepeated ? 1 : 0),
    };
    return { path, element, ...here, children: children.map((child) => visit(child, here)) };
  };
  return parquetSchema(metadata).children.map((child) =>
    visit(child, { maxDefinition: 0, maxRepetition: 0 }),
  );
}

/** The columns of values, in the file's order. */
export function listLeaves(node: ParquetNode): ParquetNode[] {
  return node.children.length === 0 ? [node] : node.children.flatMap(listLeaves);
}
