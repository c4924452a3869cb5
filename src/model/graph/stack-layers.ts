/** A stack as configs have it: apart from the kinds of layers, so that a thread which asks about a task loads none. */

/** A layer of a stack: a kind that stands there, with its options; or a block. */
export interface StackLayer {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** The kind of a block: layers whose input is added to their output. */
export const RESIDUAL = 'residual';

export interface ResidualBlock extends StackLayer {
  readonly layers: readonly StackLayer[];
}

/** Every layer of a stack with its place there, also those within blocks. */
export function* walkLayers(
  layers: readonly StackLayer[],
  path: readonly (string | number)[] = ['layers'],
): Generator<{ layer: StackLayer; path: readonly (string | number)[] }> {
  for (const [index, layer] of layers.entries()) {
    const own = [...path, index];
    yield { layer, path: own };
    if (isBlock(layer)) yield* walkLayers(layer.layers, [...own, 'layers']);
  }
}

/** Whether a layer of a stack is a block of layers. */
export function isBlock(layer: StackLayer): layer is ResidualBlock {
  return layer.kind === RESIDUAL;
}

/** The kind of a pooling: of one with its usual options the name stands alone. */
export function poolingKind(pooling: string | StackLayer): string {
  return typeof pooling === 'string' ? pooling : pooling.kind;
}

/** Layers over the tokens of the source. */
export interface StackEncoder {
  readonly vocabulary: number;
  /** Options; where it is `tied` its weight is that of the target's embedding, whose words both sides have then. */
  readonly embedding: Readonly<Record<string, unknown>>;
  /** Bottom first. */
  readonly layers: readonly StackLayer[];
  /** Share of the outputs of all layers but the top one that is dropped in training. */
  readonly dropout: number;
}

export interface StackAttention {
  readonly kind: 'none' | 'dot' | 'general' | 'additive';
  readonly heads: number;
  /** Of what is made of the sums and the layers' outputs, and of the vectors that `additive` compares; that of the layers where absent. */
  readonly width?: number | undefined;
  /** How many of the layers it stands on, from the bottom; on all where absent. */
  readonly after?: number | undefined;
  /** Whether what comes of a token is fed to the lowest layer with the next one, where there is a source. */
  readonly inputFeeding?: boolean | undefined;
  /** Where there is no source: how many tokens before one it attends to. */
  readonly span?: number | undefined;
}
