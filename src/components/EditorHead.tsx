import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { type ReactNode } from 'react';

interface Props {
  /** What stands on the right. It comes first for the keyboard, so that it does not interrupt the sentence. */
  aside: ReactNode;
  children: ReactNode;
}

/** The first line of an editor. */
export function EditorHead({ aside, children }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.head}>
      <div className={styles.aside}>{aside}</div>
      {children}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  head: css({
    display: 'flex',
    flexDirection: 'row-reverse',
    justifyContent: 'space-between',
    alignItems: 'flex-start',
    gap: theme.spacing(1),
  }),
  aside: css({ flexShrink: 0 }),
});
