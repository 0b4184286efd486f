import { RadioButtonGroup } from '@grafana/ui';
import { t } from '../i18n';
import { type EditorMode } from '../types';

interface Props {
  mode: EditorMode;
  onChange: (mode: EditorMode) => void;
}

/** Chooses between the sentence and the JSON. */
export function ModeSwitch({ mode, onChange }: Props) {
  return (
    <RadioButtonGroup<EditorMode>
      size="sm"
      aria-label={t('mode-switch.label', 'Editor mode')}
      options={[
        { value: 'builder', label: t('mode-switch.builder', 'Builder') },
        { value: 'code', label: t('mode-switch.code', 'Code') },
      ]}
      value={mode}
      onChange={onChange}
    />
  );
}
