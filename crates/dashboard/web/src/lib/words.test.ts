import { expect, test } from 'vitest';
import { areaWords, categoryWords, organisation, plural, capitalised, sentence, statusWords } from './words';

test.each([
  ['nhs-chorley-and-south-ribble-ccg', 'NHS Chorley and South Ribble CCG'],
  ['department-for-work-and-pensions', 'Department for Work and Pensions'],
  ['runshaw-college', 'Runshaw College']
])('%s is %s', (id, expected) => {
  expect(organisation(id)).toBe(expected);
});

test.each([
  ['age', '16-64', 'Aged 16 to 64'],
  ['age', '65+', 'Aged 65 and over'],
  ['sex', 'female', 'Women and girls'],
  ['outcome', 'see-and-treat', 'See-and-treat'],
  ['outcome', 'all', 'All together'],
  ['age', 'unknown', 'Not known'],
  ['services', '2', 'Services: 2'],
  ['services', '3+', 'Services: 3 or more']
])('%s %s is %s', (dimension, category, expected) => {
  expect(categoryWords(dimension, category)).toBe(expected);
});

test('words for names that are not known here', () => {
  expect(areaWords('hospital_catchment').choice).toBe('Hospital catchment');
  expect(sentence('crime_type')).toBe('Crime type');
  expect(capitalised('`area_type` is missing')).toBe('`area_type` is missing');
  expect(capitalised('no such area_type')).toBe('No such area_type');
  expect(statusWords('c')).toContain('withheld to protect people');
  expect(plural(1, 'area', 'areas')).toBe('1 area');
  expect(plural(0, 'area', 'areas')).toBe('0 areas');
});
