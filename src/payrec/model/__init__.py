"""From rows of the feature view to a model that can be trusted.

features/    rows as numbers and codes, by one table of declarations
recipes/     training on temporal slices (logistic, boosting), calibration, the trained Model
evaluate/    backtest, figures and their intervals, the quality gate, the report
store/       a model as a folder of plain data, verified when loaded; versions and the champion
explain.py   contributions that add up to a row's probability; sentences.py puts them in words
"""
