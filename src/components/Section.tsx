import { CollapsableSection, Stack, Text } from '@grafana/ui';
import { type ReactNode, useId } from 'react';

interface Props {
  title: string;
  description?: string;
  /** Makes a section that can be closed, and says whether it is open at first. */
  isOpen?: boolean;
  children: ReactNode;
}

/** A part of the settings page under a heading of its own. */
export function Section({ title, description, isOpen, children }: Props) {
  const id = useId();
  const heading = (
    <Text element="h2" variant="h3" id={id}>
      {title}
    </Text>
  );
  const content = (
    <Stack direction="column" gap={2}>
      {description && (
        <Text element="p" variant="bodySmall" color="secondary">
          {description}
        </Text>
      )}
      <div>{children}</div>
    </Stack>
  );
  return (
    <section aria-labelledby={id}>
      {isOpen === undefined ? (
        <Stack direction="column" gap={0.5}>
          {heading}
          {content}
        </Stack>
      ) : (
        <CollapsableSection label={heading} labelId={id} isOpen={isOpen}>
          {content}
        </CollapsableSection>
      )}
    </section>
  );
}
