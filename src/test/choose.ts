import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

/** Opens a menu by the field's name. */
export async function open(field: string | RegExp) {
  const input = await screen.findByRole('combobox', { name: field });
  await userEvent.click(input);
  return input;
}

/** The choices of the open menu. */
export function choices(): string[] {
  const listbox = screen.getAllByRole('listbox').find((list) => within(list).queryAllByRole('option').length > 0);
  return listbox
    ? within(listbox)
        .getAllByRole('option')
        .map((option) => option.textContent ?? '')
    : [];
}

/** Chooses an option of a menu, as a person does. */
export async function choose(field: string | RegExp, option: string | RegExp) {
  await open(field);
  await userEvent.click(await screen.findByRole('option', { name: option }));
}
