import { css } from '@emotion/css';
import { InlineLabel, useStyles2 } from '@grafana/ui';
import { type ReactNode } from 'react';

interface Props {
  /** The word of the sentence before the field, such as "from". */
  word: string;
  /** Completes the word to a name that stands by itself, such as "rollup"; read by screen readers only. */
  name: string;
  /** Id of the label, for the field's `aria-labelledby`. */
  labelId: string;
  /** Id of the field, where it takes one. */
  htmlFor?: string;
  tooltip: string;
  children: ReactNode;
}

/** One field of the query's sentence, with its word before it. */
export function Clause({ word, name, labelId, htmlFor, tooltip, children }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.clause}>
      <InlineLabel id={labelId} htmlFor={htmlFor} width="auto" tooltip={tooltip}>
        <span>
          {word}
          <span className={styles.hidden}> {name}</span>
        </span>
      </InlineLabel>
      {children}
    </div>
  );
}

/** A name for a field that is plain from its place, for screen readers. */
export function HiddenLabel({ id, htmlFor, children }: { id: string; htmlFor?: string; children: ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <label id={id} htmlFor={htmlFor} className={styles.hidden}>
      {children}
    </label>
  );
}

const getStyles = () => ({
  clause: css({ display: 'flex', alignItems: 'center' }),
  hidden: css({
    position: 'absolute',
    width: 1,
    height: 1,
    overflow: 'hidden',
    clipPath: 'inset(50%)',
    whiteSpace: 'nowrap',
  }),
});
