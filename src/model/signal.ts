/** What flows from a layer to the next: a panel matrix of `width` columns. */
export interface Signal {
  /** What a row of it belongs to: a row of the batch, the place of a token, or one of the batch's distinct tokens. */
  per: 'row' | 'token' | 'distinct';
  width: number;
  /** Whether there is also one a row: what stands at the row's last token. */
  final?: boolean;
  /** Whether it is the tokens' ids, which have no values. */
  isTokens?: boolean;
  /** Of what has a row for each distinct one: of the words where absent, or of the feature with this number, from 1. */
  stream?: number;
  /** Of letters, which stand for no token: the stream of the spellings that they make up, and how many each has at most. */
  spells?: { stream: number; most: number };
}
