import { css } from '@emotion/css';
import { type ComboboxOption, measureText, MultiCombobox, useStyles2 } from '@grafana/ui';
import { type FocusEvent, useState } from 'react';

/** Pixels in a unit of the theme's spacing, in which @grafana/ui takes widths. */
const UNIT = 8;
/** What a pill has besides its text, and the field besides its pills, in pixels. */
const PILL = 50;
const FIELD = 140;

interface Props {
  labelId: string;
  placeholder: string;
  options: Array<ComboboxOption<string>> | ((search: string) => Promise<Array<ComboboxOption<string>>>);
  value: Array<ComboboxOption<string>>;
  onChange: (values: string[]) => void;
  createCustomValue?: boolean;
  /** Bounds of the width, in units of the theme's spacing. */
  minWidth: number;
  maxWidth: number;
}

/** A choice of several, as wide as its pills need, which forgets a search when the person leaves it. */
export function PillsField({ labelId, value, onChange, minWidth, maxWidth, ...props }: Props) {
  const styles = useStyles2(getStyles);
  const [visit, setVisit] = useState(0);

  // MultiCombobox keeps the text of a menu that was closed with Escape, where it looks like one more value.
  const leave = ({ currentTarget, relatedTarget }: FocusEvent<HTMLElement>) => {
    const input = currentTarget.querySelector('input');
    if (input?.value && input.getAttribute('aria-expanded') !== 'true' && !currentTarget.contains(relatedTarget)) {
      setVisit(visit + 1);
    }
  };

  return (
    <div className={styles.field} onBlur={leave}>
      <MultiCombobox
        {...props}
        key={visit}
        aria-labelledby={labelId}
        value={value}
        onChange={(options) => onChange(options.map((option) => option.value))}
        isClearable
        width="auto"
        minWidth={Math.min(maxWidth, Math.max(minWidth, neededWidth(value)))}
        maxWidth={maxWidth}
      />
    </div>
  );
}

/** The width that shows every pill. MultiCombobox does not find it: it hides pills that do not fit, and is as wide as those it shows. */
function neededWidth(value: Array<ComboboxOption<string>>): number {
  const pills = value.reduce((sum, option) => sum + measureText(option.label ?? option.value, 12).width + PILL, 0);
  return Math.ceil((pills + FIELD) / UNIT);
}

const getStyles = () => ({ field: css({ display: 'contents' }) });
