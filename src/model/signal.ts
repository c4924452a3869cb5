/** What flows from a layer to the next: a panel matrix of `width` columns. */
export interface Signal {
  /** What a row of it belongs to: a row of the batch, the place of a token, or one of the batch's distinct tokens. */
  per: 'row' | 'token' | 'distinct';
  width: number;
  /** Which tokens those are: the source's, or where absent the batch's own. What has a row for each row of the batch is of neither. */
  of?: 'source';
  /** Whether there is also one a row: what stands at the row's last token. */
  final?: boolean;
  /** What the rows of a recurrent layer begin with: so many states of so many columns, whole panels each. */
  states?: { count: number; width: number };
  /** Whether it is the tokens' ids, which have no values. */
  isTokens?: boolean;
  /** Of the source's tokens: whether the distinct ones are numbered together with the batch's own. */
  isShared?: boolean;
  /** Of what has a row for each distinct one: of the words where absent, or of the feature with this number, from 1. */
  stream?: number;
  /** Of letters, which stand for no token: the stream of the spellings that they make up, and how many each has at most. */
  spells?: { stream: number; most: number };
}
